namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Dream's schedule: times t run from 1 to an end in equal steps, and the step from t to s commits a share 1 - s / t of the masks that are
/// left; the last step commits all.
/// </summary>
/// <remarks>Computed in float32 as the reference does, since the numbers of tokens are cut to whole ones.</remarks>
/// <param name="numSteps">At least 1.</param>
/// <param name="endTime">In (0, 1).</param>
internal sealed class TimeSchedule(int numSteps, double endTime)
{
    public int NumSteps => numSteps;

    /// <param name="step">From 0.</param>
    /// <returns>In [0, 1].</returns>
    public float Share(int step) => step >= numSteps - 1 ? 1 : 1 - (Time(step + 1) / Time(step));

    /// <summary>The number of masks that a step commits.</summary>
    /// <param name="numMasked">Masks that are left.</param>
    public int Count(int step, int numMasked) => (int)(numMasked * Share(step));

    private float Time(int step) => 1 + (((float)endTime - 1) / numSteps * step);
}
