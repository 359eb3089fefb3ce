"""The rules of matching: what fits whom, how well, and why. Pure; the day and the weights are arguments."""
