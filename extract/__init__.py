"""THE WAY IN: reads an old EPJ export and drives the migration into an archive."""
