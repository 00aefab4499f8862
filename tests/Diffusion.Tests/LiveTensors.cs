using TorchSharp;

namespace LLaDA.Diffusion.Tests;

/// <summary>Counts this thread's tensors: those alive, and those ever made.</summary>
internal static class LiveTensors
{
    public static long Count => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    public static long NumMade =>
        DisposeScopeManager.Statistics.CreatedInScopeCount + DisposeScopeManager.Statistics.CreatedOutsideScopeCount;
}
