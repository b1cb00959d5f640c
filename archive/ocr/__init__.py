"""OCR: words for the pages that have none, laid invisibly over their pictures in a new generation of the package."""
