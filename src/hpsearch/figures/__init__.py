"""What people look at: one file a figure. ``facts(rows, ...)`` picks the numbers, ``figure(facts)`` draws them.

The only room that knows Plotly. A report and the dashboard show the same figures.
"""
