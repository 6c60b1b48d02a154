"""The table of comparisons: what, how many, largest error, tolerance and its reason."""

import json
import math


class Table:
    def __init__(self):
        self.rows = []
        self.remarks = []

    def add(self, what, errors, tolerance, reason, where=None):
        """Errors of one kind; where names each of them. An error that is not a number disagrees."""
        errors = [float(e) for e in errors]
        if not errors:
            self.remarks.append("nothing to compare: " + what)
            return
        worst = max(range(len(errors)), key=lambda i: float("inf") if errors[i] != errors[i] else errors[i])
        agree = errors[worst] == errors[worst] and errors[worst] <= tolerance
        name = "" if where is None else str(where[worst])
        self.rows.append((what, len(errors), errors[worst], tolerance, reason, agree, name))

    def remark(self, text):
        self.remarks.append(text)

    def disagreements(self):
        return [r for r in self.rows if not r[5]]

    def evidence(self, path, source, others, test):
        """Writes the rows on values of measures, one a line, as package evidence keeps them. others: {what: (measure, unit)}; test: the test function"""
        lines = []
        for what, n, worst, tolerance, reason, _, _ in self.rows:
            measure, unit = others.get(what, (what[len("value of ") :], reason.split(";")[0]))
            if what not in others and not what.startswith("value of "):
                continue
            entry = {"measure": measure, "source": source, "test": test, "unit": unit, "tolerance": tolerance, "error": rounded_up(worst), "values": n}
            lines.append(json.dumps(entry, separators=(",", ":"), ensure_ascii=False))
        with open(path, "w") as f:
            f.write("[\n" + ",\n".join(sorted(lines)) + "\n]\n")

    def __str__(self):
        lines = ["%-46s %6s %10s %10s      %s" % ("what", "n", "largest", "tolerance", "reason")]
        for what, n, worst, tolerance, reason, agree, name in self.rows:
            verdict = "ok  " if agree else "FAIL"
            line = "%-46s %6d %10.2e %10.2e %s %s" % (what, n, worst, tolerance, verdict, reason)
            lines.append(line if agree or not name else line + " [worst: %s]" % name)
        return "\n".join(lines + ["remark: " + r for r in self.remarks])


def relative(got, want):
    """|got - want| over |want|, absolute where want is 0"""
    if got is None or want is None:
        return 0.0 if got is want else float("nan")
    return abs(got - want) / (abs(want) if want else 1.0)


def rounded_up(v):
    """To two digits"""
    if v == 0:
        return 0
    unit = 10.0 ** (math.floor(math.log10(v)) - 1)
    return float("%.1e" % (math.ceil(v / unit) * unit))
