"""Reads rows of CSV and JSON lines as text, one by one, so that they can be copied with columns added after them.

Shared by scoring, serving, the audit and `labelled_data`. Knows neither Arrow nor HTTP, and scores nothing.
"""
