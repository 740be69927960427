"""A pipeline file for tests: whole, and with one thing changed."""

TEXT = """\
pipeline: house_prices
project: pricing
owner: team:pricing
windows: weekly
stages:
  data_ingestion: {source: {use: file, path: data/sales.csv.gz, time: date, key: [id, date]}}
  data_preparation: {schema: {price: {type: float, minimum: 1}, bedrooms: {type: integer, maximum: 20}}}
  feature_store: {features: {age: "year(date) - yr_built", score: {call: "house_prices.features:f"}}, key: [id]}
  model_registry: {model: house_prices, train: "house_prices.model:train", reference: {until: 2014-11-01}}
  model_deployment:
    dev:     {target: local}
    staging: {target: local, strategy: canary}
    prod:
      target: local
      strategy: blue_green
      gate: {approvals: 2, checks: [inputs, price_ks]}
  model_inferencing: {batch: {each: window}}
  model_monitoring:
    monitors:
      inputs:   {use: auto, columns: all}
      price_ks: {use: ks, column: prediction, threshold: 0.1}
    checks:
      slow: {use: maximum, metric: latency_ms.p99, limit: 100}
    performance:
      metric: mae
      labels: {source: {use: file, path: data/sales.csv.gz, key: [id, date]}, column: price, maturity: 14d}
    channels: [console]
  cicd_enforcement: {repository: acme/house-prices, lock: [data_preparation, model_registry]}
"""


def changed(old: str, new: str, text: str = TEXT) -> str:
    """The text with its only `old` replaced."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def place_of(text: str, found: str) -> tuple[int, int]:
    """Line and column, from 1, where `found` starts for the first time."""
    before = text[: text.index(found)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
