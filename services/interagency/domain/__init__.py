"""Rules of referrals, pure: reading a row, merging what ministries know of a company, what a status may become."""
