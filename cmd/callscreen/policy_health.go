package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"callscreen/console"
	"callscreen/screening/strictyaml"
)

// check tells whether the policy in force is the one in the files.
func (k *keeper) check() console.Check {
	s := k.now.Load()
	c := console.Check{Name: "policy", Detail: describePolicy(s.policy), Since: s.since}
	if len(s.wrong) > 0 {
		c.Fault = fmt.Sprintf("%s stays in force: %s%s; callscreen check tells what is wrong", c.Detail, placeOf(s.wrong[0]), andMore(len(s.wrong)-1))
		c.Since = s.found
	}
	return c
}

// placeOf returns where an error is in a file, without what is written there, which may
// be a number.
func placeOf(err error) string {
	var at strictyaml.Error
	if errors.As(err, &at) {
		at.Text, at.Hint = "an error", ""
		return at.Error()
	}
	return err.Error()
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

var (
	policyInfoDesc    = prometheus.NewDesc("callscreen_policy_info", "1 for the policy in force.", []string{"mode", "revision"}, nil)
	policySinceDesc   = prometheus.NewDesc("callscreen_policy_loaded_timestamp_seconds", "When the policy in force was put in force.", nil, nil)
	policyGoodDesc    = prometheus.NewDesc("callscreen_policy_last_reload_successful", "1 while the policy's files are in force as they are, 0 while something is wrong with them.", nil, nil)
	policyReloadsDesc = prometheus.NewDesc("callscreen_policy_reloads_total", "How often the policy's files were read again.", []string{"result"}, nil)
)

// Describe implements [prometheus.Collector].
func (k *keeper) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{policyInfoDesc, policySinceDesc, policyGoodDesc, policyReloadsDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (k *keeper) Collect(ch chan<- prometheus.Metric) {
	s, good := k.now.Load(), 1.0
	if len(s.wrong) > 0 {
		good = 0
	}
	ch <- prometheus.MustNewConstMetric(policyInfoDesc, prometheus.GaugeValue, 1, s.policy.Mode().String(), s.policy.Revision())
	ch <- prometheus.MustNewConstMetric(policySinceDesc, prometheus.GaugeValue, float64(s.since.UnixMilli())/1000)
	ch <- prometheus.MustNewConstMetric(policyGoodDesc, prometheus.GaugeValue, good)
	ch <- prometheus.MustNewConstMetric(policyReloadsDesc, prometheus.CounterValue, float64(k.good.Load()), "ok")
	ch <- prometheus.MustNewConstMetric(policyReloadsDesc, prometheus.CounterValue, float64(k.bad.Load()), "failed")
}
