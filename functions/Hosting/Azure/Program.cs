using LLaDA.Batch.Functions;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Options;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.Services.AddFunctions(builder.Configuration);
builder.Services.AddSingleton(RestApi.Build);
builder.Services.AddSingleton<IConfigureOptions<KestrelServerOptions>>(services => new ConfigureOptions<KestrelServerOptions>(
    kestrel => kestrel.Limits.MaxRequestBodySize = services.GetRequiredService<ServiceLimits>().MaxRequestBytes));

var app = builder.Build();
await app.Services.GetRequiredService<StorageAccount>().EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
await app.RunAsync();
