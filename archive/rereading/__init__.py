"""The source read again by means that share nothing with the route that made its copy: words, numbers, signs, pages.

A copy that validates may still say something else than its source. So each file of each route is read a second time
and held against the pages and the text copy (`archive.rereading.compare`); what differs is told by flags, sends the
file to the next route, or stands on pages of its own behind the copy. Readers know nothing of routes, and nothing here
quotes a document in a message.
"""
