"""The data: dictionary, reading and checking, response rules, exposure, published figures."""
