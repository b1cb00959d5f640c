"""What lies on a PDF's pages without being part of them: form fields and annotations.

A viewer draws many of them itself; PDF/A wants each drawn in the file (ISO 19005-2, 6.3.3). What has no appearance gets
one that says the same, and the words of all of them go into the text copy.
"""
