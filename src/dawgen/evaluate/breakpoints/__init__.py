"""`dawgen analyze breakpoints`: with how many real examples do synthetic data stop helping?"""
