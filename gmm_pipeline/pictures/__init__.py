"""What people see of a column: pictures as SVG text, and tables as Markdown. No plotting library,
no files.
"""
