"""The pages: one blueprint per family."""
