using Microsoft.Extensions.Configuration;

namespace LLaDA.Batch.Hosting;

/// <summary>Reads the options of a host from its configuration.</summary>
public static class Settings
{
    /// <summary>Binds a section and validates it.</summary>
    /// <exception cref="InvalidOperationException">Lists every invalid setting of the section.</exception>
    public static T Read<T>(IConfiguration configuration, string section, Func<T, IEnumerable<string>> validate)
        where T : new()
    {
        var options = configuration.GetSection(section).Get<T>() ?? new T();
        return validate(options).ToList() is { Count: > 0 } errors
            ? throw new InvalidOperationException(string.Join("; ", errors))
            : options;
    }
}
