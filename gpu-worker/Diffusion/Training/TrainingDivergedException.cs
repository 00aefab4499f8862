namespace LLaDA.Diffusion.Training;

/// <summary>The loss or its gradient is not finite any more. The run stopped before it changed a weight: its last checkpoint is good.</summary>
public sealed class TrainingDivergedException(int step, double loss, double gradNorm)
    : Exception($"Training diverged at step {step}: the loss is {loss}, the norm of its gradient {gradNorm}. Go on from the last checkpoint with a lower learning rate");
