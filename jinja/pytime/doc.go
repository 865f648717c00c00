// Package pytime holds Python's dates as templates see them: datetime's date, time, datetime, timedelta and
// timezone, pendulum's DateTime, Date, Interval and Duration, and dateutil's relativedelta and parser. Now and
// time zones come in through [Clock]; nothing here reads the machine's clock.
package pytime
