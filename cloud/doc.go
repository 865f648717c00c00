// Package cloud makes an installation of the services of AWS: its drivers, and what each
// Lambda function does with the events that it is called with. Decisions are made where
// they are made on a laptop.
package cloud
