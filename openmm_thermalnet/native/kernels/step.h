#ifndef THERMALNET_STEP_H_
#define THERMALNET_STEP_H_

// One step of a thermostat in one pass over positions, velocities and forces.

#include "noise.h"
#include "tasks.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** Call move(first, count, noise) for each block of coordinates of a stretch. */
template <class Move>
inline void for_noise(const StepTask& task, Move move) {
    float noise[kNoiseBlock];
    for (long first = task.first; first < task.last; first += kNoiseBlock) {
        normal_numbers<kNoiseBlock / 4>(task.key, task.counter,
                                        static_cast<uint64_t>(first / kNoiseBlock), noise);
        const long left = task.last - first;
        move(first, left < kNoiseBlock ? left : kNoiseBlock, noise);
    }
}

/** LangevinMiddleIntegrator's step (Zhang et al., J. Phys. Chem. A 123, 6056 (2019)). */
inline void langevin_step(const StepTask& task) {
    for_noise(task, [&](long first, long count, const float* noise) {
        double* __restrict x = task.positions + first;
        double* __restrict v = task.velocities + first;
        const double* __restrict f = task.forces + first;
        for (long i = 0; i < count; i++) {
            const double kicked = v[i] + task.forceScale * f[i];
            const double middle = x[i] + task.positionScale * kicked;
            const double next =
                task.velocityScale * kicked + task.noiseScale * static_cast<double>(noise[i]);
            x[i] = middle + task.positionScale * next;
            v[i] = next;
        }
    });
}

/** BrownianIntegrator's step, with the displacement over the time step as the velocity. */
inline void brownian_step(const StepTask& task) {
    for_noise(task, [&](long first, long count, const float* noise) {
        double* __restrict x = task.positions + first;
        double* __restrict v = task.velocities + first;
        const double* __restrict f = task.forces + first;
        for (long i = 0; i < count; i++) {
            const double moved =
                task.forceScale * f[i] + task.noiseScale * static_cast<double>(noise[i]);
            x[i] += moved;
            v[i] = task.velocityScale * moved;
        }
    });
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
