"""`dawgen analyze breakpoints`: from how many real examples on do synthetic data stop paying?"""
