"""Starts the house on one machine.

Plain standard library, beside `huimin` and never importing it: it runs before the virtual environment exists.
Only `database` needs a package (psycopg) and is called after the environment is ready.
"""
