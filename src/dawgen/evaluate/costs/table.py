"""Generators side by side: the costs of a set in all, per kept example, and per point of accuracy gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from dawgen.cost.generators import GeneratorCost, Prices
from dawgen.cost.table import show_count, show_seconds
from dawgen.report.table.core import Table, make_table

NAMES = {
    "untuned": "untuned",
    "plain": "plain",
    "weighted": "weighted (FewGen)",
    "dawgen": "dawgen",
    "api": "bought from an API",
}
Write = Callable[[float], str]


def tabulate_generators(costs: Sequence[GeneratorCost], prices: Prices, source: str = "") -> Table:
    """Return the table: a column per generator. source: where measured numbers are from."""

    def list_row(name: str, find: Callable[[GeneratorCost], float | None], write: Write) -> list[str]:
        return [name, *("-" if (value := find(one)) is None else write(value) for one in costs)]

    def show_money(value: float) -> str:
        return f"{Decimal(f'{value:.2g}'):f} {prices.currency}"

    rows = [
        list_row("texts written", lambda one: one.texts, lambda value: f"{value:,.0f}"),
        list_row("kept of them", lambda one: one.rows / one.texts, lambda value: f"{value:.0%}"),
        list_row("tokens read", lambda one: one.tokens_in, show_count),
        list_row("tokens written", lambda one: one.tokens_out, show_count),
        list_row("FLOPs", lambda one: one.flops, show_count),
        list_row("peak memory", lambda one: one.memory, lambda value: f"{show_count(value)}B"),
        list_row("time", lambda one: one.seconds, _show_time),
        list_row("of it tuning", lambda one: one.tuning, _show_time),
        list_row("energy", lambda one: one.energy, _show_energy),
        list_row("money", lambda one: one.money, show_money),
    ]
    units: list[tuple[str, Callable[[GeneratorCost], float | None], Write]] = [
        ("tokens written", lambda one: one.tokens_out, lambda value: f"{value:.1f}"),
        ("FLOPs", lambda one: one.flops, show_count),
        ("time", lambda one: one.seconds, _show_time),
        ("energy", lambda one: one.energy, _show_energy),
        ("money", lambda one: one.money, show_money),
    ]
    rows += [
        list_row(f"{name} per kept example", lambda one, find=find: one.per_row(find(one)), write)  # type: ignore[misc]
        for name, find, write in units
    ]
    for one in costs:  # what the money of the method's own set, and that of the bought one, pays for elsewhere
        if one.way in ("dawgen", "api") and one.money and any(other.money and other is not one for other in costs):
            title = f"kept examples for {show_money(one.money)}"
            rows.append(list_row(title, lambda other, money=one.money: other.buy_rows(money), "{:,.0f}".format))  # type: ignore[misc]
    if any(one.gain is not None for one in costs):
        rows.append(["gain, points", *map(_show_gain, costs)])
        rows += [
            list_row(f"{name} per point", lambda one, find=find: one.per_point(find(one)), write)  # type: ignore[misc]
            for name, find, write in units[1:]
        ]
    return make_table(
        f"A set of {costs[0].rows if costs else 0:,} kept examples from every generator",
        ["", *(NAMES[one.way] for one in costs)],
        rows,
        notes=_list_notes(costs, prices, source),
        key="generators",
    )


def _list_notes(costs: Sequence[GeneratorCost], prices: Prices, source: str) -> list[str]:
    measured = any(one.measured for one in costs)
    notes = [
        "Tokens read stand in front of the texts: the opening and text1; of an API words and some shots too, in every "
        "request. FLOPs and peak memory by formula, without the libraries' own memory. Time of tuning and writing: "
        f"{'measured' if measured else 'predicted'}."
    ]
    notes += [source] if source else []
    if any(one.gain is not None for one in costs):
        notes.append(
            "Gain: mean over seeds [95 % t-interval over seeds]. Per point: the set's cost over the mean gain, which "
            "may be none where the interval holds 0."
        )
    return [*notes, _describe_prices(prices)]


def _describe_prices(prices: Prices) -> str:
    """Return the assumptions behind energy and money."""
    hour = "no price of the machine (--hour states one)"
    if prices.hour is not None:
        hour = f"{prices.hour:g} {prices.currency} per hour of it"
    api = "no price of an API (--api-in and --api-out state one)"
    if prices.api_in is not None and prices.api_out is not None:
        api = f"an API at {prices.api_in:g} and {prices.api_out:g} {prices.currency} per million tokens in and out"
    return f"Assumed: {prices.watts:g} W while the machine works; {hour}; {api}."


def _show_time(seconds: float) -> str:
    return show_seconds(seconds) if seconds >= 1 or seconds == 0 else f"{1000 * seconds:.3g} ms"


def _show_energy(hours: float) -> str:
    """Write watt-hours."""
    return f"{hours:.3g} Wh" if hours >= 0.1 or hours == 0 else f"{1000 * hours:.3g} mWh"


def _show_gain(one: GeneratorCost) -> str:
    if one.gain is None:
        return "-"
    interval = "" if one.gain_low is None or one.gain_high is None else f" [{one.gain_low:+.1f}, {one.gain_high:+.1f}]"
    return f"{one.gain:+.1f}{interval}"
