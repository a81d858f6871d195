"""Rows of CSV and JSON lines as text: read one by one, checked, and copied with columns added behind them.

Shared by scoring, serving, the audit and `labelled_data`. Knows neither Arrow nor HTTP, and scores nothing.
"""
