"""How rows are read and passed over: on one machine, or on Spark. What happens to a value is the
core's business.
"""
