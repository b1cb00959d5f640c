"""THE HEART: keeps every document as PDF/A with XML metadata in one standard package per patient.

Knows nothing of old systems' exports or of web pages; imports neither `extract` nor `viewer`.
"""
