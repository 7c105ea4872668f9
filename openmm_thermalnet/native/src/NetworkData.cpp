#include "NetworkData.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "openmm/OpenMMException.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
    std::ostringstream text;
    text << "NetworkForce: ";
    (text << ... << parts);
    throw OpenMMException(text.str());
}

void check_numbers(const char* name, const std::vector<double>& numbers, size_t columns,
                   double bound) {
    for (size_t i = 0; i < numbers.size(); i++)
        if (!(std::fabs(numbers[i]) <= bound))
            refuse(name, " of pattern ", i / columns, " contain ", numbers[i],
                   std::isfinite(bound) ? "; give numbers in [-1, 1]" : "; give finite numbers");
}

}  // namespace

long NetworkData::parameters() const {
    long sum = 0;
    for (int l = 1; l <= depth(); l++) {
        sum += static_cast<long>(widths[l]) * widths[l - 1];
        if (isLayered() && l < depth()) sum += static_cast<long>(patterns) * widths[l];
        if (!isLayered() && bias) sum += widths[l];
    }
    return sum;
}

void NetworkData::check() const {
    if (energy < NetworkForce::Norm || energy > NetworkForce::SquaredError)
        refuse("the energy is ", static_cast<int>(energy), "; give one of the enumeration Energy");
    if (activation < NetworkForce::Identity || activation > NetworkForce::Tanh)
        refuse("the activation is ", static_cast<int>(activation),
               "; give one of the enumeration Activation");
    if (widths.size() < 2) refuse("there are ", widths.size(), " widths; give N_0 ... N_L");
    for (size_t l = 0; l < widths.size(); l++)
        if (widths[l] < 1) refuse("the width of layer ", l, " is ", widths[l], "; give at least 1");
    if (replicas < 1 || replicas % 3 != 0)
        refuse("there are ", replicas,
               " replicas; give a positive multiple of 3, as each particle ",
               "holds three, such as ", replicas < 1 ? 3 : (replicas + 2) / 3 * 3);
    const size_t first = widths.front(), last = widths.back();
    if (inputs.empty() || inputs.size() % first != 0)
        refuse("there are ", inputs.size(), " inputs; give ", first, " for each pattern");
    const size_t count = inputs.size() / first;
    if (targets.size() != count * last)
        refuse("there are ", targets.size(), " targets; give ", last, " for each of ", count,
               " patterns");
    if (gains.size() + 1 != widths.size())
        refuse("there are ", gains.size(), " gains; give ", widths.size() - 1,
               ", one for each layer");
    for (double gain : gains)
        if (!(gain > 0 && std::isfinite(gain)))
            refuse("a gain is ", gain, "; give a positive number");
    if (!(weightDecay >= 0 && std::isfinite(weightDecay)))
        refuse("the weight decay is ", weightDecay, "; give a number that is not negative");
    if (isLayered() && (bias || weightDecay > 0))
        refuse("a layered energy has no biases and no weight decay; leave them out");
    const double infinite = std::numeric_limits<double>::max();
    check_numbers("inputs", inputs, first, infinite);
    // Beyond these a sigmoidal output has no solution; a linear one has.
    check_numbers("targets", targets, last, isLayered() ? 1.0 : infinite);
    if (parameters() * replicas > std::numeric_limits<int>::max())
        refuse("there are ", parameters(), " parameters in ", replicas,
               " replicas, more than a System can hold; give fewer");
}

}  // namespace ThermalNet
