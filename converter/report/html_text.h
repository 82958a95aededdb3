// Text and numbers as parts of a page of HTML.
#pragma once

#include <string>

namespace lutra::converter::report {

std::string Escape(const std::string& text);

/// NaN is a dash.
std::string Fixed(double value, int digits);

}  // namespace lutra::converter::report
