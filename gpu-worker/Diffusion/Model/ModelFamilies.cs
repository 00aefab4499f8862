namespace LLaDA.Diffusion.Model;

/// <summary>The families that the network computes. The tensor names of each are in <see cref="Checkpoints.TensorNames"/>.</summary>
public static class ModelFamilies
{
    /// <summary>LLaDA-8B and LLaDA-1.5.</summary>
    public static ModelFamily LLaDA { get; } = new("LLaDA", "LLaDAModelLM", "llada", TensorNaming.LLaDA);

    public static ModelFamily ILLaDA { get; } = new("iLLaDA", "ILLaDAForCausalLM", "illada", TensorNaming.Llama);

    public static ModelFamily LLaDAMoE { get; } = new("LLaDA-MoE", "LLaDAMoEModelLM", "llada", TensorNaming.Llama)
    { Router = RouterKind.Softmax, FreezesPaddingEmbedding = true };

    /// <summary>LLaDA2.0 and LLaDA2.1.</summary>
    public static ModelFamily LLaDA2 { get; } = new("LLaDA2", "LLaDA2MoeModelLM", "llada2_moe", TensorNaming.LLaDA2)
    { Router = RouterKind.Sigmoid, BlockLength = 32, FusesQueryKeyValue = true, FreezesPaddingEmbedding = true };

    /// <summary>Dream, Dream-Coder and DiffuCoder.</summary>
    public static ModelFamily Dream { get; } = new("Dream", "DreamModel", "Dream", TensorNaming.Llama)
    { ShiftsLogits = true, FreezesPaddingEmbedding = true };

    /// <summary>SDAR and TraDo.</summary>
    public static ModelFamily Sdar { get; } = new("SDAR", "SDARForCausalLM", "sdar", TensorNaming.Llama)
    { BlockLength = 4 };

    public static IReadOnlyList<ModelFamily> All { get; } = [LLaDA, ILLaDA, LLaDAMoE, LLaDA2, Dream, Sdar];
}
