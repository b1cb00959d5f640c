"""How faithful the archive copies are: a seeded sample of each route, held against the originals in the packages.

Words, pages and pictures of an original are read by means other than the route that made its copy. Nothing here quotes
a document; the worst ones are named by their archive id.
"""
