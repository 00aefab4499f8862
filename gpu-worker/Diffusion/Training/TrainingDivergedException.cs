namespace LLaDA.Diffusion.Training;

/// <summary>
/// The loss, its gradient or the loss of held-out text is no longer finite. The run stopped before it wrote anything: its last checkpoint
/// is good.
/// </summary>
public sealed class TrainingDivergedException(int step, double loss, double gradNorm)
    : Exception(
        $"Training diverged at step {step}: the loss is {loss}, the norm of its gradient {gradNorm}. "
        + "Resume from the last checkpoint with a lower learning rate");
