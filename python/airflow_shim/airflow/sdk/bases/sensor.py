"""What a check may return."""


class PokeReturnValue:
    """Whether a sensor is done, and the value to store when it is."""

    def __init__(self, is_done, xcom_value=None):
        self.is_done, self.xcom_value = is_done, xcom_value

    def __bool__(self):
        return self.is_done
