// Package prices has list prices of AWS with their dates and sources, as data. What is
// counted belongs to who counts.
package prices

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

//go:embed us-east-1.json
var usEast1 []byte

// List is a list of prices of one region.
type List struct {
	Region string
	// Date is when the prices were last compared with their sources.
	Date time.Time
	// Note says what they leave out.
	Note string

	Write, Read, Storage    Price // DynamoDB: units, and GB a month
	QueueRequest            Price // SQS
	Invocation, GBSecond    Price // Lambda on arm64, which the template uses
	Put, Get                Price // S3
	FargateCPU, FargateGB   Price // an hour, on arm64
	GBSecondX86             Price
	FargateCPUX, FargateGBX Price // an hour, on x86_64
}

// Price is the price of something.
type Price struct {
	// Dollars are for one Unit. So many of them are free for an account each month, for ever.
	Dollars, Free float64
	Unit, Source  string
}

// USEast1 returns the prices of us-east-1.
func USEast1() (*List, error) { return parse(usEast1) }

// entry is a price as it is written.
type entry struct {
	USD    float64 `json:"usd"`
	Per    float64 `json:"per"`
	Free   float64 `json:"free"`
	Unit   string  `json:"unit"`
	Source string  `json:"source"`
}

// parse reads a list, in which every price has to be, and no other.
func parse(b []byte) (*List, error) {
	var file struct {
		Region string           `json:"region"`
		Date   string           `json:"date"`
		Note   string           `json:"note"`
		Prices map[string]entry `json:"prices"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	l := &List{Region: file.Region, Note: file.Note}
	var err error
	if l.Date, err = time.Parse(time.DateOnly, file.Date); err != nil {
		return nil, fmt.Errorf("read prices: date: %w", err)
	}
	var errs []error
	for name, to := range l.names() {
		e, ok := file.Prices[name]
		switch delete(file.Prices, name); {
		case !ok:
			errs = append(errs, fmt.Errorf("price %s is missing", name))
		case e.USD <= 0 || e.Per <= 0 || e.Free < 0 || e.Unit == "" || e.Source == "":
			errs = append(errs, fmt.Errorf("price %s has to have usd and per above 0, unit and source", name))
		default:
			*to = Price{Dollars: e.USD / e.Per, Free: e.Free, Unit: e.Unit, Source: e.Source}
		}
	}
	for name := range file.Prices {
		errs = append(errs, fmt.Errorf("price %s is not known", name))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read prices of %s: %w", file.Region, err)
	}
	return l, nil
}

// names are the names of prices in a file.
func (l *List) names() map[string]*Price {
	return map[string]*Price{
		"dynamodb_write_unit": &l.Write, "dynamodb_read_unit": &l.Read, "dynamodb_storage": &l.Storage,
		"sqs_request": &l.QueueRequest, "lambda_request": &l.Invocation,
		"lambda_gb_second_arm64": &l.GBSecond, "lambda_gb_second_x86_64": &l.GBSecondX86,
		"s3_put": &l.Put, "s3_get": &l.Get,
		"fargate_vcpu_hour_arm64": &l.FargateCPU, "fargate_gb_hour_arm64": &l.FargateGB,
		"fargate_vcpu_hour_x86_64": &l.FargateCPUX, "fargate_gb_hour_x86_64": &l.FargateGBX,
	}
}

// Counts are what has prices.
type Counts struct {
	WriteUnits    float64 `json:"write_units"`
	ReadUnits     float64 `json:"read_units"`
	QueueRequests float64 `json:"queue_requests"`
	Invocations   float64 `json:"invocations"`
	GBSeconds     float64 `json:"gb_seconds"`
	Puts          float64 `json:"puts"`
	Gets          float64 `json:"gets"`
}

// Month is the price of what an account has used in a month, without what is free of it.
func (p Price) Month(n float64) float64 { return max(0, n-p.Free) * p.Dollars }

// Dollars is the price of counts, functions on arm64. Nothing of them is free.
func (l *List) Dollars(c Counts) float64 {
	return c.WriteUnits*l.Write.Dollars + c.ReadUnits*l.Read.Dollars + c.QueueRequests*l.QueueRequest.Dollars +
		c.Invocations*l.Invocation.Dollars + c.GBSeconds*l.GBSecond.Dollars + c.Puts*l.Put.Dollars + c.Gets*l.Get.Dollars
}

// Times returns the counts of n things of which each has these.
func (c Counts) Times(n float64) Counts {
	return Counts{
		WriteUnits: c.WriteUnits * n, ReadUnits: c.ReadUnits * n, QueueRequests: c.QueueRequests * n, Invocations: c.Invocations * n,
		GBSeconds: c.GBSeconds * n, Puts: c.Puts * n, Gets: c.Gets * n,
	}
}

// Fargate is what a task on Fargate costs: a minute at least, and by the second.
func (l *List) Fargate(took time.Duration, vcpu, gb float64) float64 {
	const least = time.Minute
	return max(took, least).Hours() * (vcpu*l.FargateCPU.Dollars + gb*l.FargateGB.Dollars)
}
