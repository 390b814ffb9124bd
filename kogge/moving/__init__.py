"""Moving everything Kogge knows from the embedded SQLite into an empty PostgreSQL.

`moving.move` copies and proves; `rows` is what a table is and how its values are written; `source` and
`target` are the two databases; `mark` says which of them Kogge may work on; `presence` who works just now.
"""
