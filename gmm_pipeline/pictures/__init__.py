"""What people see of a column: pictures as SVG text, and tables as Markdown.

Drawn without a library for charts, and without files: docs/development.md has the figures of a
trial.
"""
