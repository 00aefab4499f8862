using System.CommandLine;

namespace LLaDA.Batch.Train.Terminal;

/// <summary>Limits of numeric options, checked before a command runs.</summary>
internal static class OptionLimits
{
    /// <summary>Refuses smaller values; an option without a value passes.</summary>
    public static Option<int> AtLeast(this Option<int> option, int least)
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() || result.GetValueOrDefault<int>() >= least)
                return;
            result.AddError($"{option.Name} must be at least {least}");
        });
        return option;
    }

    /// <inheritdoc cref="AtLeast(Option{int}, int)"/>
    public static Option<int?> AtLeast(this Option<int?> option, int least)
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() || result.GetValueOrDefault<int?>() is not { } value || value >= least)
                return;
            result.AddError($"{option.Name} must be at least {least}");
        });
        return option;
    }
}
