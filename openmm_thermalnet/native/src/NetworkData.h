#ifndef THERMALNET_NETWORKDATA_H_
#define THERMALNET_NETWORKDATA_H_

#include <vector>

#include "NetworkForce.h"

namespace ThermalNet {

/** Everything that a NetworkForce knows. */
struct NetworkData {
    NetworkForce::Energy energy = NetworkForce::Norm;
    NetworkForce::Activation activation = NetworkForce::ReLU;
    std::vector<int> widths;
    std::vector<double> inputs;
    std::vector<double> targets;
    std::vector<double> gains;
    int replicas = 3;
    int patterns = 1;
    bool walls = true;
    bool bias = false;
    bool doublePrecision = false;
    bool couplingDerivatives = false;
    bool stockSteps = false;
    double weightDecay = 0;

    bool isLayered() const { return energy <= NetworkForce::Softcore; }
    int depth() const { return static_cast<int>(widths.size()) - 1; }
    int terms() const { return isLayered() ? depth() : 2; }
    long parameters() const;
    /** Throw an OpenMMException of one line if anything cannot be used. */
    void check() const;
};

}  // namespace ThermalNet

#endif
