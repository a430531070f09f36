"""What tools for people's own data share: their arrays and features checked, estimates with
intervals.
"""
