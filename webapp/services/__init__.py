"""All writing to the database, one file a subject.

A service takes an open session (see :mod:`webapp.database`) and decides nothing about HTTP; views
take a request apart, call one service in one transaction, and render.
"""
