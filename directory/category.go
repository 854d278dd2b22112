package directory

import (
	"fmt"
	"maps"
	"strings"

	"callscreen/screening"
)

// words are what directories and offices call the categories, besides the
// categories' own names.
var words = map[string]screening.Category{
	"诈骗": screening.CategoryFraud, "疑似诈骗": screening.CategoryFraud, "诈骗电话": screening.CategoryFraud,
	"推销": screening.CategorySales, "广告推销": screening.CategorySales, "推销电话": screening.CategorySales, "广告": screening.CategorySales,
	"骚扰": screening.CategoryHarassment, "骚扰电话": screening.CategoryHarassment,
	"中介": screening.CategoryAgent, "房产中介": screening.CategoryAgent,
	"快递": screening.CategoryDelivery, "外卖": screening.CategoryDelivery, "快递送餐": screening.CategoryDelivery,
	"招聘": screening.CategoryRecruiter, "猎头": screening.CategoryRecruiter, "招聘猎头": screening.CategoryRecruiter,
	"出租车": screening.CategoryTaxi, "出租车司机": screening.CategoryTaxi,
	"其他": screening.CategoryOther, "其它": screening.CategoryOther,
}

// categories are all there are.
var categories = []screening.Category{
	screening.CategoryFraud, screening.CategorySales, screening.CategoryHarassment, screening.CategoryAgent,
	screening.CategoryDelivery, screening.CategoryRecruiter, screening.CategoryTaxi, screening.CategoryOther,
}

// Categories says which category a text stands for, whatever its case.
type Categories struct{ table map[string]screening.Category }

// NewCategories returns the categories' own names and the usual Chinese words,
// and above them what table says: the text to a category, or to "" for a text that
// says nothing. The error names a category that there is not.
func NewCategories(table map[string]screening.Category) (Categories, error) {
	c := Categories{maps.Clone(words)}
	for _, category := range categories {
		c.table[string(category)] = category
	}
	known := maps.Clone(c.table)
	for text, category := range table {
		if own, ok := known[string(category)]; category != "" && (!ok || own != category) {
			return Categories{}, fmt.Errorf("directory: %q is no category: write one of %v", category, categories)
		}
		c.table[fold(text)] = category
	}
	return c, nil
}

// Find returns the category of a text, and whether the text is known.
func (c Categories) Find(text string) (screening.Category, bool) {
	category, ok := c.table[fold(text)]
	return category, ok
}

func fold(text string) string { return strings.ToLower(strings.TrimSpace(text)) }
