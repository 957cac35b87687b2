"""`dawgen analyze gradients`: do synthetic rows fight the real ones, and which rows are they?"""
