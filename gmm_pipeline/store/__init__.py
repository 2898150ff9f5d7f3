"""Where results live: layout, manifests, atomic publishing, the Spark ML model format, IO
managers.
"""
