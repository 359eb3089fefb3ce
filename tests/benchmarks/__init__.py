"""Ratios against yardsticks, measured side by side in one run; absolute speeds travel nowhere."""
