"""From a file of any format an old EPJ holds to a validated PDF/A with its text.

`contract` says what goes in and out, `ladder` picks the routes, one module per route does the work.
"""
