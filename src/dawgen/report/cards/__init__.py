"""The cards of published datasets and models.

In use:

    from dawgen.report.cards.model import render_model_card
    text = render_model_card(facts)
"""
