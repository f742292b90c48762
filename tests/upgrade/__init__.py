"""What an older version has left behind is read by this one: tables, and the state of live bars.

A change of a table or of the state that cannot read these files needs a way for those who have such: a column that
`mdstream maintain` adds, another name of the query, an error that says what to do. When a version is released, files of
its own join them: `python -m tests.upgrade.state_file FILE` makes that of a state, `pg_dump --inserts` that of tables.
"""
