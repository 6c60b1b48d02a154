"""The table of comparisons: statistic, inputs, largest deviation, disagreements."""


class Table:
    def __init__(self):
        self.rows = {}
        self.remarks = []

    def compare(self, what, got, want, tolerance, where=""):
        """One value of each side; None where undefined. Undefined on one side only disagrees."""
        row = self.rows.setdefault(what, {"inputs": 0, "undefined": 0, "largest": 0.0, "tolerance": tolerance, "wrong": 0, "first": ""})
        row["inputs"] += 1
        if got is None and want is None:
            row["undefined"] += 1
            return
        deviation = float("inf") if got is None or want is None else abs(got - want)
        row["largest"] = max(row["largest"], deviation)
        if not deviation <= tolerance:
            row["wrong"] += 1
            row["first"] = row["first"] or "%s: got %s, want %s" % (where, got, want)

    def same(self, what, got, want, where=""):
        """Things that have no size: sets, names, counts"""
        row = self.rows.setdefault(what, {"inputs": 0, "undefined": 0, "largest": 0.0, "tolerance": 0, "wrong": 0, "first": ""})
        row["inputs"] += 1
        if got != want:
            row["wrong"] += 1
            row["largest"] = float("inf")
            row["first"] = row["first"] or "%s: got %s, want %s" % (where, got, want)

    def disagreements(self):
        return sum(r["wrong"] for r in self.rows.values())

    def __str__(self):
        lines = ["%-58s %7s %9s %10s %10s %13s" % ("statistic", "inputs", "undefined", "largest", "tolerance", "disagreements")]
        for what, r in self.rows.items():
            line = "%-58s %7d %9d %10.1e %10.0e %13d" % (what, r["inputs"], r["undefined"], r["largest"], r["tolerance"], r["wrong"])
            lines.append(line + ("  FAIL " + r["first"] if r["wrong"] else ""))
        return "\n".join(lines + ["remark: " + r for r in self.remarks])
