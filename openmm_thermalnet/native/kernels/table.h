#ifndef THERMALNET_TABLE_H_
#define THERMALNET_TABLE_H_

// The kernels of one instruction set, and the choice among them.

#include <vector>

#include "tasks.h"

namespace ThermalNet {

/** The kernels of an energy in one precision; see the headers of the same names. */
template <class Real>
struct EnergyKernels {
    int lanes;  // numbers in a vector
    long (*panelNumbers)(const Network&, int length);
    void (*weightVariables)(const Block<Real>&, const double* coordinates, bool walls, long first,
                            long last);
    void (*listColumns)(const Network&, const Patterns<Real>&, const Block<Real>&);
    void (*chunk)(const Network&, const Patterns<Real>&, const Block<Real>&, const Chunk<Real>&);
    void (*listGradient)(const Network&, const Patterns<Real>&, const Block<Real>&, int firstInput,
                         int lastInput, Real* scratch, Real* gradient);
    void (*spinForces)(const Block<Real>&, const double* one, const double* other, long first,
                       long last, double* forces);
    void (*weightForces)(const Block<Real>&, const double* coordinates, bool walls,
                         const Gradients<Real>&, const double* factors, double decay, long first,
                         long last, double* forces);
    void (*weightSquares)(const Block<Real>&, double* squares);
};

/** Everything that is compiled for one instruction set. */
struct Kernels {
    const char* name;
    EnergyKernels<float> inSingle;
    EnergyKernels<double> inDouble;
    void (*langevinStep)(const StepTask&);
    void (*brownianStep)(const StepTask&);

    template <class Real>
    const EnergyKernels<Real>& in() const;
};

template <>
inline const EnergyKernels<float>& Kernels::in<float>() const {
    return inSingle;
}
template <>
inline const EnergyKernels<double>& Kernels::in<double>() const {
    return inDouble;
}

/** Those that this machine can run, the best one first. */
const std::vector<const Kernels*>& usableKernels();

/** The best that this machine can run, or that of THERMALNET_INSTRUCTION_SET; null if none. */
const Kernels* bestKernels();

}  // namespace ThermalNet

#endif
