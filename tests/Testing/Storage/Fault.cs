namespace LLaDA.Batch.Testing;

/// <summary>What happens at one call to storage.</summary>
public enum Fault
{
    None,

    /// <summary>503 without effect.</summary>
    Unavailable,

    /// <summary>412 without effect: somebody else seems to have been first.</summary>
    PreconditionFailed,

    /// <summary>404 without effect: what is there seems not to be.</summary>
    NotFound,

    /// <summary>No answer, and no effect.</summary>
    TimeoutBefore,

    /// <summary>No answer, but the effect.</summary>
    TimeoutAfter,

    /// <summary>The process is killed before the call.</summary>
    KillBefore,

    /// <summary>The process is killed after the call.</summary>
    KillAfter,

    /// <summary>The process is told to stop, as by SIGTERM, once the call was made.</summary>
    Drain,

    /// <summary>The process stands still before the call, loses its leases, and wakes up when others have gone on for a while.</summary>
    StallBriefly,

    /// <summary>The process stands still before the call and wakes up when all is done.</summary>
    StallToTheEnd,

    /// <summary>The clock of the machine jumps forward by an hour before the call, and stays so.</summary>
    ClockAhead,

    /// <summary>The clock of the machine jumps back by an hour before the call, and stays so.</summary>
    ClockBehind,

    /// <summary>From the call on, storage has no room: it answers a number of writes with 507, without effect.</summary>
    StorageFull,
}

/// <summary>The process that made the call is dead.</summary>
public sealed class KilledException() : Exception("The process was killed");
