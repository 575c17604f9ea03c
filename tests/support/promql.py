"""As much of PromQL as our alarms use: parsed strictly, and evaluated over scrapes of /metrics.

What is not in this grammar is an error, and so is a metric, a label or a value of a label that the
page does not have: an alarm that can never be heard is no alarm.
"""

import re

TOKEN = re.compile(r"""\s*(?:
    (?P<number>\d+(?:\.\d+)?(?![\w.])) | (?P<duration>\d+[smhd])(?!\w) |
    (?P<name>[A-Za-z_:][\w:]*) | (?P<string>"(?:[^"\\]|\\["\\nt])*") |
    (?P<sign>=~|!~|!=|==|>=|<=|[-+*/<>=(){}\[\],]))""", re.X)
COMPARISONS = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b,
               "<": lambda a, b: a < b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b}
ARITHMETIC = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
              "/": lambda a, b: a / b}
AGGREGATORS = {"sum": sum, "max": max, "min": min, "count": len}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Weakest first.
LEVELS = (("or",), ("and", "unless"), tuple(COMPARISONS), ("+", "-"), ("*", "/"))


class PromqlError(Exception):
    """It is no PromQL, or none that could mean anything on this page."""


def tokens_of(text):
    tokens, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if not match:
            raise PromqlError(f"not understood: {text[at:]!r}")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return tokens


class Expression:
    """`scrapes`: [(unix time, [(metric, {label: value}, number)])], the last one is now.

    `value` is a number, or a vector: [({label: value}, number)]. `is_condition`: it is empty unless
    a comparison holds, as an alarm must be. `families`: all that the page has, those too that have
    no sample now.
    """

    def __init__(self, text, scrapes, families):
        self.text, self.scrapes, self.families = text, scrapes, families
        self._tokens, self._at = tokens_of(text), 0
        self.value, self.is_condition = self._binary(0)
        if self._at != len(self._tokens):
            raise PromqlError(f"{self._peek()[1]!r} is left over in {text}")

    def _peek(self):
        return self._tokens[self._at] if self._at < len(self._tokens) else (None, "the end")

    def _take(self, *wanted):
        token = self._peek()
        if wanted and token[1] not in wanted and token[0] not in wanted:
            raise PromqlError(f"{token[1]!r} where {' or '.join(wanted)} should be in {self.text}")
        self._at += 1
        return token[1]

    def _has(self, text):
        found = self._peek()[1] == text and self._peek()[0] != "string"
        self._at += found
        return found

    def _binary(self, level):
        if level == len(LEVELS):
            return self._primary()
        left, is_condition = self._binary(level + 1)
        while self._peek()[1] in LEVELS[level] and self._peek()[0] in ("sign", "name"):
            operator = self._take()
            right, is_right = self._binary(level + 1)
            if operator in COMPARISONS:
                is_condition = True
            elif operator in ("and", "unless"):
                is_condition = is_condition or is_right
            elif operator == "or":
                is_condition = is_condition and is_right
            left = combined(operator, left, right)
        return left, is_condition

    def _primary(self):
        kind, text = self._peek()
        if self._has("("):
            inner = self._binary(0)
            self._take(")")
            return inner
        if self._has("-"):
            value, _ = self._primary()
            return combined("*", -1.0, value), False
        if kind == "number":
            return float(self._take()), False
        self._take("name")
        if text in AGGREGATORS:
            return self._aggregate(AGGREGATORS[text])
        if text in ("rate", "increase"):
            return self._over_time(text), False
        if text == "time":
            self._take("(")
            self._take(")")
            return self.scrapes[-1][0], False
        if self._peek()[1] == "(":
            raise PromqlError(f"the function {text} is not among those that are known here")
        return self._selected(text, self.scrapes[-1][1]), False

    def _labels(self, name, samples):
        """{label: (sign, value)}, each of which the metric has."""
        matchers = {}
        known = [labels for metric, labels, _ in samples if metric == name]
        while self._peek()[1] != "}":
            label = self._take("name")
            sign = self._take("=", "!=", "=~", "!~")
            value = re.sub(r"\\(.)", r"\1", self._take("string")[1:-1])
            for one in value.split("|") if "~" in sign else [value]:
                if not any(re.fullmatch(one if "~" in sign else re.escape(one),
                                        labels.get(label, "")) for labels in known):
                    raise PromqlError(f"{name} has no {label} {one!r}")
            matchers[label] = (sign, value)
            if not self._has(","):
                break
        self._take("}")
        return matchers

    def _matchers(self, name, samples):
        if name not in self.families:
            raise PromqlError(f"there is no metric {name}")
        return self._labels(name, samples) if self._has("{") else {}

    def _selected(self, name, samples):
        return select(samples, name, self._matchers(name, samples))

    def _over_time(self, function):
        self._take("(")
        name = self._take("name")
        if not name.endswith("_total"):
            raise PromqlError(f"{function} of {name}, which is no counter")
        matchers = self._matchers(name, self.scrapes[-1][1])
        self._take("[")
        self._take("duration")
        self._take("]")
        self._take(")")
        (began, before), (ended, after) = self.scrapes[0], self.scrapes[-1]
        grown = combined("-", select(after, name, matchers), select(before, name, matchers))
        return grown if function == "increase" else combined("/", grown, max(ended - began, 1e-9))

    def _aggregate(self, function):
        grouping, names = None, set()
        if self._peek()[1] in ("by", "without"):
            grouping = self._take()
            self._take("(")
            while not self._has(")"):
                names.add(self._take("name"))
                self._has(",")
        self._take("(")
        value, is_condition = self._binary(0)
        self._take(")")
        groups = {}
        for labels, number in value:
            if not names <= set(labels):
                raise PromqlError(f"{grouping} {names - set(labels)}, which is no label there")
            kept = {label: text for label, text in labels.items()
                    if grouping and (label in names) == (grouping == "by")}
            groups.setdefault(tuple(sorted(kept.items())), []).append(number)
        return [(dict(key), function(numbers)) for key, numbers in groups.items()], is_condition


def select(samples, name, matchers):
    def is_wanted(labels):
        for label, (sign, value) in matchers.items():
            found = bool(re.fullmatch(value if "~" in sign else re.escape(value),
                                      labels.get(label, "")))
            if found == sign.startswith("!"):
                return False
        return True
    return [(labels, number) for metric, labels, number in samples
            if metric == name and is_wanted(labels)]


def combined(operator, left, right):
    is_vector = isinstance(left, list), isinstance(right, list)
    if operator in ("and", "or", "unless"):
        if is_vector != (True, True):
            raise PromqlError(f"{operator} of a number")
        there = [labels for labels, _ in right]
        if operator == "or":
            return left + [one for one in right if one[0] not in [labels for labels, _ in left]]
        return [one for one in left if (one[0] in there) == (operator == "and")]
    keep = operator in COMPARISONS
    compute = COMPARISONS.get(operator) or ARITHMETIC[operator]
    if is_vector == (False, False):
        if keep:
            raise PromqlError("a comparison of two numbers needs bool")
        return compute(left, right)
    if is_vector == (True, True):
        pairs = [(labels, a, b, a) for labels, a in left for others, b in right if labels == others]
    elif is_vector[0]:
        pairs = [(labels, a, right, a) for labels, a in left]
    else:
        pairs = [(labels, left, b, b) for labels, b in right]
    if keep:
        return [(labels, number) for labels, a, b, number in pairs if compute(a, b)]
    return [(labels, compute(a, b)) for labels, a, b, _ in pairs]
